//! The device asked for, or why it is not there; never another one.

use candle_core::Device;

use crate::{
    backend::{self, Failure},
    words::without_backtrace,
};

pub(crate) fn open(device: backend::Device) -> Result<Device, Failure> {
    match device {
        backend::Device::Cpu => Ok(Device::Cpu),
        backend::Device::Cuda => opened("cuda", candle_core::utils::cuda_is_available(), || {
            Device::new_cuda(0)
        }),
        backend::Device::Metal => opened("metal", candle_core::utils::metal_is_available(), || {
            Device::new_metal(0)
        }),
    }
}

fn opened(
    name: &str,
    is_compiled_in: bool,
    open: impl FnOnce() -> candle_core::Result<Device>,
) -> Result<Device, Failure> {
    if !is_compiled_in {
        return Err(Failure::not_run(format!(
            "this build has no {name} (build with `--features harness/{name}`)"
        )));
    }
    open().map_err(|error| {
        let said = without_backtrace(&error.to_string());
        Failure::not_run(format!("there is no {name} device here: {said}"))
    })
}

#[cfg(test)]
mod tests {
    use evidence::Outcome;

    use super::*;

    #[test]
    fn an_absent_device_is_not_run_with_the_reason() {
        let failure = opened("cuda", false, || Ok(Device::Cpu)).expect_err("not compiled in");
        assert_eq!(failure.outcome(), Outcome::NotRun);
        assert_eq!(
            failure.detail(),
            "this build has no cuda (build with `--features harness/cuda`)"
        );

        let failure =
            opened("cuda", true, || candle_core::bail!("no driver")).expect_err("no driver");
        assert_eq!(failure.outcome(), Outcome::NotRun);
        assert_eq!(failure.detail(), "there is no cuda device here: no driver");
    }
}
