//! The derives and attributes that an application writes on its domain.
