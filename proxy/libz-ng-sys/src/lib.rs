//! zlib under the name of zlib-ng. pingora-core's HTTP part asks flate2 for zlib-ng, whose build needs cmake; Switchyard never compresses
//! HTTP, and a build must need nothing but cargo and a C compiler, so flate2 is given plain zlib, which has the same functions and types.
pub use libz_sys::*;
