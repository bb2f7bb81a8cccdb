//! Messages, priorities, domain traits, unit of work and the ports of Protean. No input or output happens here.
