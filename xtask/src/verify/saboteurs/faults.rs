//! The faults that the harness knows how to plant, as far as judging what came of them needs it.

/// One kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its name in evidence.
    pub name: &'static str,
    /// Whether a backend that is built from the config can have it in a field of the config.
    pub in_config: bool,
    /// Whether it can be in how the backend is called; such a one may make the call fail.
    pub in_calls: bool,
    /// Whether it may fail to run wherever it is planted: a mask can say how many features there are, and
    /// another number of them fits nowhere.
    pub may_fail: bool,
    /// What a reference must have so that the fault shows.
    pub shows_with: &'static str,
}

const fn fault(name: &'static str, shows_with: &'static str) -> Fault {
    Fault {
        name,
        in_config: false,
        in_calls: false,
        may_fail: false,
        shows_with,
    }
}

const fn in_config(fault: Fault) -> Fault {
    Fault {
        in_config: true,
        ..fault
    }
}

const fn in_calls(fault: Fault) -> Fault {
    Fault {
        in_calls: true,
        ..fault
    }
}

const fn of_masks(fault: Fault) -> Fault {
    Fault {
        in_calls: true,
        may_fail: true,
        ..fault
    }
}

/// All of them, by name.
pub const FAULTS: [Fault; 16] = [
    in_config(fault(
        "activation-swapped",
        "an activation whose inputs reach beyond ±1",
    )),
    fault("bias-zeroed", "a larger bias"),
    in_calls(fault(
        "cache-not-reset",
        "a check that decodes twice with one model",
    )),
    in_config(fault(
        "epsilon-times-ten",
        "a variant with an epsilon of at least 1e-5",
    )),
    fault("half-precision", "more signal through this product"),
    fault("heads-swapped", "heads that attend to different places"),
    in_config(fault(
        "layer-skipped",
        "a last layer that reaches an output",
    )),
    fault("logits-scaled", "an output that is no ranking alone"),
    of_masks(fault(
        "mask-dropped",
        "a row that is shorter than the longest, and outputs where it is not",
    )),
    of_masks(fault(
        "mask-inverted",
        "a row that is shorter than the longest",
    )),
    fault("norm-zeroed", "a norm that reaches an output"),
    in_calls(fault(
        "positions-offset",
        "positions that are not relative to each other",
    )),
    fault("rope-pairing", "more than one rotary frequency"),
    in_config(fault("rope-theta", "positions further from zero")),
    fault("weight-transposed", "a square weight that is not symmetric"),
    in_config(fault(
        "window-off-by-one",
        "a sequence that is longer than the window",
    )),
];

/// The fault of that name.
pub fn find(name: &str) -> Option<&'static Fault> {
    FAULTS.iter().find(|fault| fault.name == name)
}
