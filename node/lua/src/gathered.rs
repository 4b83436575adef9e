//! A string that grows while Lua runs in between: its block is a value of Lua's, in a place of the stack, so that nothing has to be dropped when the function is left by a jump.
//! Never: keeps a block of our own allocator, or looks at what it holds. Bound: the machine's memory, which Lua's allocator refuses beyond.

use crate::stack::{State, push_bytes};
use mlua_sys as ffi;
use std::ffi::c_int;
use std::ptr::copy_nonoverlapping;

/// Short ones need no block. It lies on the stack of a script, once for each call that is under way.
const SHORT_BYTES: usize = 1_024;

pub(crate) struct Gathered {
    state: State,
    /// The place on Lua's stack that keeps the block.
    slot: c_int,
    short: [u8; SHORT_BYTES],
    block: *mut u8,
    capacity: usize,
    len: usize,
}

impl Gathered {
    /// An empty one, which may put a value into `slot`.
    pub(crate) fn new(state: State, slot: c_int) -> Self {
        Self {
            state,
            slot,
            short: [0; SHORT_BYTES],
            block: std::ptr::null_mut(),
            capacity: SHORT_BYTES,
            len: 0,
        }
    }

    fn start(&mut self) -> *mut u8 {
        if self.block.is_null() {
            self.short.as_mut_ptr()
        } else {
            self.block
        }
    }

    /// Appends. Raises when there is no memory.
    pub(crate) unsafe fn append(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if end > self.capacity {
            self.grow(end);
        }
        copy_nonoverlapping(bytes.as_ptr(), self.start().add(self.len), bytes.len());
        self.len = end;
    }

    unsafe fn grow(&mut self, least: usize) {
        let capacity = least.max(self.capacity.saturating_mul(2));
        let block: *mut u8 = ffi::lua_newuserdata(self.state, capacity).cast();
        copy_nonoverlapping(self.start().cast_const(), block, self.len);
        ffi::lua_replace(self.state, self.slot);
        (self.block, self.capacity) = (block, capacity);
    }

    /// Pushes it as a string. Raises when there is no memory.
    pub(crate) unsafe fn push(&mut self) {
        let bytes = std::slice::from_raw_parts(self.start(), self.len);
        push_bytes(self.state, bytes);
    }
}
