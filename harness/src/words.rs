//! Other people's error texts, made the same on every machine.

/// The text without the backtrace that candle appends where backtraces are switched on.
pub(crate) fn without_backtrace(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take_while(|line| !is_frame(line)).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Whether a line is a frame of a backtrace: `   0: candle_core::error::Error::bt`.
fn is_frame(line: &str) -> bool {
    let digits = line
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with(' ') && digits.len() < line.trim_start().len() && digits.starts_with(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_left_out() {
        assert_eq!(
            without_backtrace("no\n   0: candle_core::bt\n   1: main"),
            "no"
        );
        assert_eq!(
            without_backtrace("expected: [48, 48]\ngot: 7: no"),
            "expected: [48, 48]\ngot: 7: no"
        );
    }
}
