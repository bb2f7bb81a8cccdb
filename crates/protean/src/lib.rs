//! An application framework for event-driven systems in which bulk work never delays production traffic.
