//! One conformance suite per port, which every adapter passes unchanged.
