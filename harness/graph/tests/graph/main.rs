//! Small graphs put together by hand: what is refused and in which words, and what the ONNX standard's cases do not show.

mod loading;
mod make;
mod paths;
mod running;
mod subgraphs;
mod sweep;
