//! miniz_oxide as an [`Engine`].

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{BlockBoundaryState, DecompressorOxide, decompress};

use crate::engine::{Engine, Step, StepStatus};

/// The stop is asked for on every call: set only when a checkpoint is due, it would miss boundaries
/// that fall inside the call. The last chunk is not known as such, so more input may always follow.
const FLAGS: u32 = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
    | TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY
    | TINFL_FLAG_HAS_MORE_INPUT;

/// The engine of [miniz_oxide](https://docs.rs/miniz_oxide).
pub struct MinizEngine {
    state: Box<DecompressorOxide>,
}

impl Engine for MinizEngine {
    fn start() -> Self {
        MinizEngine {
            state: Box::new(DecompressorOxide::new()),
        }
    }

    fn resume(bits: u8, byte: u8) -> Self {
        let boundary = BlockBoundaryState {
            num_bits: bits,
            // A shift by 8 would overflow: no bits, no buffer.
            bit_buf: if bits == 0 { 0 } else { byte >> (8 - bits) },
            ..BlockBoundaryState::default()
        };
        MinizEngine {
            state: Box::new(DecompressorOxide::from_block_boundary_state(&boundary)),
        }
    }

    fn step(&mut self, input: &[u8], out: &mut [u8], out_pos: usize) -> Step {
        let (status, consumed, produced) = decompress(&mut self.state, input, out, out_pos, FLAGS);
        let status = match status {
            TINFLStatus::NeedsMoreInput => StepStatus::NeedsInput,
            TINFLStatus::HasMoreOutput => StepStatus::NeedsOutput,
            TINFLStatus::BlockBoundary => StepStatus::BlockBoundary,
            TINFLStatus::Done => StepStatus::Done,
            _ => StepStatus::Failed,
        };
        Step {
            consumed,
            produced,
            status,
        }
    }

    fn pending_bits(&self) -> u8 {
        self.state
            .block_boundary_state()
            .map_or(0, |boundary| boundary.num_bits)
    }
}
