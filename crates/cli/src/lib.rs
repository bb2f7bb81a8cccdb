//! The commands that every application's binary embeds, and the protean launcher.
