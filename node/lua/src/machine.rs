//! [`Machine`]: one state of Lua, its stack, and what is done on it.
//! Invariant: what a machine does it does on its own stack; the driver's stands still meanwhile, and so does the script's while the driver is at work on the same machine. While the stack is with the thread
//! [`beside`](crate::beside), nothing but that is asked.

use crate::beside::{Beside, Come};
use crate::desk::{
    Desk, Fault, INSTRUCTIONS, Job, LARGE_GROWTH, Left, Signal, Step, allocate, look_up,
};
use crate::register::Registered;
use crate::stack::{State, bytes_at, push_bytes, raw_set};
use crate::{reply, sandbox};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use mlua_sys as ffi;
use shared::resp::{Args, Protocol};
use std::ffi::c_int;

/// The stack of a script. Lua calls itself through C 200 times at most, and what it puts on the stack for one of these calls is below 10 KiB (a buffer of its own); a reply is written some thousand levels deep, of a KiB each. Pages are taken when
/// they are touched.
const STACK_BYTES: usize = 16 * 1024 * 1024;
/// With more memory than this a machine is given up beside the thread.
const LARGE_BYTES: usize = 1024 * 1024;
/// Text that Lua calls the functions of a script or a library after.
const SCRIPT: &std::ffi::CStr = c"@user_script";
const LIBRARY: &std::ffi::CStr = c"@user_function";

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// EVAL: KEYS and ARGV are globals.
    Scripts,
    /// FCALL: they are arguments of functions, which libraries have registered.
    Libraries,
}

/// A function that a machine keeps; of no use to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub(crate) i32);

/// With what a function begins.
#[derive(Debug)]
pub struct Start<'a> {
    /// Which.
    pub function: Function,
    /// How its errors call it: the digest of a script, the name of a function.
    pub name: &'a [u8],
    /// The request.
    pub words: Args<'a>,
    /// Where its keys begin, and how many there are; all behind them is ARGV.
    pub first_key: usize,
    /// How many.
    pub keys: usize,
    /// In which protocol the reply is to be.
    pub protocol: Protocol,
    /// What it says when it is ended from outside.
    pub kill_words: &'static [u8],
}

/// A state of Lua with all that belongs to it.
#[derive(Debug)]
pub struct Machine {
    life: Option<Life>,
    lua: State,
    desk: *mut Desk,
    kind: Kind,
    is_at_work: bool,
    /// Where a large script goes on.
    beside: Option<Beside>,
    /// The stack is there.
    is_beside: bool,
}

/// The script's stack.
pub(crate) struct Life(pub(crate) Coroutine<Signal, Left, (), DefaultStack>);

impl std::fmt::Debug for Life {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Life").finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine with all libraries, which may take so much memory. `None` when that is too little, or the system has none.
    #[must_use]
    pub fn new(kind: Kind, most_bytes: usize) -> Option<Self> {
        let stack = DefaultStack::new(STACK_BYTES).ok()?;
        let desk = Box::into_raw(Box::new(Desk::new(most_bytes)));
        // SAFETY: the desk lives until the machine is dropped, which closes the state first.
        let lua = unsafe { ffi::lua_newstate(allocate, desk.cast()) };
        let mut machine = Self {
            life: None,
            lua,
            desk,
            kind,
            is_at_work: false,
            beside: None,
            is_beside: false,
        };
        if lua.is_null() {
            return None;
        }
        // SAFETY: `open` runs in a protected call. The yielder's address is valid as long as the coroutine lives.
        unsafe {
            let kind: *const Kind = &raw const machine.kind;
            if ffi::lua_cpcall(lua, sandbox::open, kind.cast_mut().cast()) != ffi::LUA_OK {
                return None;
            }
            ffi::lua_sethook(lua, Some(look_up), ffi::LUA_MASKCOUNT, INSTRUCTIONS);
            (*desk).lua = lua;
        }
        let life = Coroutine::with_stack(stack, move |way: &Yielder<Signal, Left>, first| {
            live(way, first, lua, desk);
        });
        machine.life = Some(Life(life));
        Some(machine)
    }

    fn desk(&self) -> &Desk {
        // SAFETY: it lives as long as the machine, and the script stands still.
        unsafe { &*self.desk }
    }

    fn desk_mut(&mut self) -> &mut Desk {
        // SAFETY: as above.
        unsafe { &mut *self.desk }
    }

    fn step(&mut self, signal: Signal) -> Step {
        if self.is_beside {
            if let (Some(beside), Signal::Kill) = (&self.beside, signal) {
                beside.end();
            }
            return self.wait_beside();
        }
        let Some(mut life) = self.life.take() else {
            return Step::Over;
        };
        let mut signal = signal;
        loop {
            if self.beside.is_some() {
                match self.go_beside(life, signal) {
                    Ok(step) => return step,
                    Err(unsent) => life = unsent,
                }
            }
            match life.0.resume(signal) {
                CoroutineResult::Yield(Left::For(step)) => return self.came(life, Some(step)),
                CoroutineResult::Return(()) => return self.came(life, None),
                // Without a thread it goes on here.
                CoroutineResult::Yield(Left::Large) => {
                    self.beside = Beside::begin();
                    signal = Signal::Go;
                }
            }
        }
    }

    /// Lets the script go on beside the thread; gives the stack back when that cannot be.
    fn go_beside(&mut self, life: Life, signal: Signal) -> Result<Step, Life> {
        let Some(beside) = &self.beside else {
            return Err(life);
        };
        match beside.send(life, signal) {
            Ok(()) => {
                self.is_beside = true;
                self.is_at_work = true;
                Ok(self.wait_beside())
            }
            Err(life) => {
                self.beside = None;
                Err(life)
            }
        }
    }

    fn wait_beside(&mut self) -> Step {
        match self.beside.as_ref().map_or(Come::Never, Beside::wait) {
            Come::Back(life, step) => {
                self.is_beside = false;
                self.came(life, step)
            }
            Come::NotYet => Step::Beside,
            Come::Never => {
                self.is_beside = false;
                self.is_at_work = false;
                Step::Over
            }
        }
    }

    /// The stack has been left.
    fn came(&mut self, life: Life, step: Option<Step>) -> Step {
        self.life = step.map(|_| life);
        let step = step.unwrap_or(Step::Over);
        self.is_at_work = step != Step::Over;
        if !self.is_at_work || !self.desk().is_large {
            // What was slow once need not be slow again.
            self.beside = None;
        }
        step
    }

    /// A step has taken long: the next one is done beside the thread.
    pub fn move_beside(&mut self) {
        if self.is_at_work && self.beside.is_none() {
            self.beside = Beside::begin();
        }
    }

    fn begin(&mut self, job: Job) -> Step {
        assert!(!self.is_at_work, "one script at a time");
        let desk = self.desk_mut();
        desk.job = job;
        desk.fault = None;
        desk.made = 0;
        desk.out.clear();
        desk.was_counted = false;
        desk.is_large = false;
        desk.bytes_before = desk.memory.used.get();
        if desk.is_killed || desk.memory.was_refused.get() {
            desk.is_killed = false;
            desk.memory.was_refused.set(false);
            // SAFETY: nothing runs.
            unsafe {
                ffi::lua_sethook(self.lua, Some(look_up), ffi::LUA_MASKCOUNT, INSTRUCTIONS);
            }
        }
        self.step(Signal::Go)
    }

    /// The function that this text is the body of.
    ///
    /// # Errors
    /// What Lua says against it.
    pub fn compile(&mut self, text: &[u8]) -> Result<Function, Fault> {
        self.begin(Job::Compile { text });
        self.end_script();
        match self.desk_mut().fault.take() {
            Some(fault) => Err(fault),
            None => Ok(Function(self.desk().made)),
        }
    }

    /// Begins to read a library, whose text registers functions.
    pub fn load(&mut self, text: &[u8], protocol: Protocol) -> Step {
        let desk = self.desk_mut();
        desk.registered.clear();
        desk.protocol = protocol;
        desk.kill_words = b"ERR FUNCTION LOAD timeout";
        let mut step = self.begin(Job::Load { text });
        // Nothing can be called then.
        while step == Step::Call {
            step = self.step(Signal::Kill);
        }
        step
    }

    /// The functions that a library has registered.
    ///
    /// # Errors
    /// What Lua says against it.
    pub fn loaded(&mut self) -> Result<Vec<Registered>, Fault> {
        let desk = self.desk_mut();
        let registered = std::mem::take(&mut desk.registered);
        match desk.fault.take() {
            None => Ok(registered),
            Some(fault) => {
                registered.iter().for_each(|one| self.forget(one.function));
                Err(fault)
            }
        }
    }

    /// Begins to run a function.
    pub fn start(&mut self, start: &Start<'_>) -> Step {
        let passes = self.kind == Kind::Libraries;
        let desk = self.desk_mut();
        desk.protocol = start.protocol;
        desk.answers_in = Protocol::Resp2;
        desk.kill_words = start.kill_words;
        desk.name.clear();
        desk.name.extend_from_slice(start.name);
        let words: *const Args<'_> = &raw const start.words;
        self.begin(Job::Run {
            function: start.function.0,
            words: words.cast(),
            first_key: start.first_key,
            keys: start.keys,
            passes,
        })
    }

    /// Goes on with the script.
    pub fn go_on(&mut self) -> Step {
        self.step(Signal::Go)
    }

    /// Tells the script to end; it may have to be told again.
    pub fn kill(&mut self) -> Step {
        self.step(Signal::Kill)
    }

    /// Ends the script if there is one.
    pub fn end_script(&mut self) {
        while self.is_at_work {
            self.kill();
        }
    }

    /// A function is not needed any more.
    pub fn forget(&mut self, function: Function) {
        // SAFETY: nothing runs. What is taken out makes room for what is put in.
        unsafe {
            ffi::lua_pushnil(self.lua);
            ffi::lua_rawseti_(self.lua, ffi::LUA_REGISTRYINDEX, function.0);
        }
    }

    /// The request that the script makes ([`Step::Call`]).
    #[must_use]
    pub fn request(&self) -> Args<'_> {
        let desk = self.desk();
        Args::new(&desk.words, &desk.ranges)
    }

    /// In which protocol it wants the answer.
    #[must_use]
    pub fn answers_in(&self) -> Protocol {
        self.desk().answers_in
    }

    /// Takes the request and the buffer of the answer, which come back with [`Self::give_back`].
    #[must_use]
    pub fn lend(&mut self) -> Lent {
        let desk = self.desk_mut();
        desk.answer.clear();
        Lent {
            words: std::mem::take(&mut desk.words),
            ranges: std::mem::take(&mut desk.ranges),
            answer: std::mem::take(&mut desk.answer),
        }
    }

    /// What was lent, with the answer.
    pub fn give_back(&mut self, lent: Lent) {
        let desk = self.desk_mut();
        desk.words = lent.words;
        desk.ranges = lent.ranges;
        desk.answer = lent.answer;
    }

    /// The reply of a script that is over: whole, in RESP.
    #[must_use]
    pub fn reply(&self) -> &[u8] {
        &self.desk().out
    }

    /// Moves the reply there, behind what is there.
    pub fn move_reply(&mut self, out: &mut Vec<u8>) {
        let reply = &mut self.desk_mut().out;
        if out.is_empty() {
            std::mem::swap(reply, out);
        } else {
            out.extend_from_slice(reply);
        }
    }

    /// Whether the reply is an error that was counted when a command said it.
    #[must_use]
    pub fn was_counted(&self) -> bool {
        self.desk().was_counted
    }

    /// Buffers go back to a usual size; to be called when the reply has been taken.
    pub fn rest(&mut self) {
        self.desk_mut().shrink();
    }

    /// Bytes that Lua has.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.desk().memory.used.get()
    }

    /// Another bound of that.
    pub fn set_bound(&mut self, most_bytes: usize) {
        self.desk().memory.bound.set(most_bytes);
    }

    /// The last script wanted more memory than there is.
    #[must_use]
    pub fn was_refused_memory(&self) -> bool {
        self.desk().memory.was_refused.get()
    }

    /// Another one had better take its place: it was refused memory, or has too much of it.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.desk().memory.is_spent()
    }

    /// It is not needed any more. What takes long is done beside the thread.
    pub fn retire(self) {
        if self.used_bytes() < LARGE_BYTES {
            return;
        }
        struct Moved {
            _machine: Machine,
        }
        // SAFETY: nobody else has anything of it, and it is only dropped there.
        unsafe impl Send for Moved {}
        let moved = Moved { _machine: self };
        let spawned = std::thread::Builder::new()
            .name("lua-end".to_owned())
            .spawn(move || drop::<Moved>(moved));
        // Without a thread it is dropped here.
        drop(spawned);
    }
}

/// What a machine lends to whoever carries out a call.
#[derive(Debug)]
pub struct Lent {
    words: Vec<u8>,
    ranges: Vec<shared::resp::ArgRange>,
    /// Where the answer goes.
    pub answer: Vec<u8>,
}

impl Lent {
    /// The request.
    #[must_use]
    pub fn request(&self) -> Args<'_> {
        Args::new(&self.words, &self.ranges)
    }

    /// The request, and where the answer goes.
    pub fn parts(&mut self) -> (Args<'_>, &mut Vec<u8>) {
        (Args::new(&self.words, &self.ranges), &mut self.answer)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end_script();
        self.step(Signal::Leave);
        // SAFETY: the script's stack is left for good, and nobody else has the state or the desk.
        unsafe {
            if !self.lua.is_null() {
                ffi::lua_close(self.lua);
            }
            drop(Box::from_raw(self.desk));
        }
    }
}

/// All that happens on the script's stack: one job after the other.
fn live(way: &Yielder<Signal, Left>, first: Signal, lua: State, desk: *mut Desk) {
    // SAFETY: the driver stands still while this runs, and the other way round.
    unsafe {
        (*desk).way_out = &raw const *way;
        let mut signal = first;
        while signal != Signal::Leave {
            if signal == Signal::Go {
                work(lua, desk);
            }
            signal = way.suspend(Left::For(Step::Over));
        }
        (*desk).way_out = std::ptr::null();
    }
}

unsafe fn work(lua: State, desk: *mut Desk) {
    ffi::lua_settop(lua, 0);
    ffi::lua_rawgeti_(lua, ffi::LUA_REGISTRYINDEX, (*desk).kept.runner);
    let status = ffi::lua_pcall(lua, 0, 0, 0);
    if status != ffi::LUA_OK {
        (*desk).fault = Some(fault(lua, status));
    }
    (*desk).may_leave = false;
    (*desk).is_loading = false;
    ffi::lua_settop(lua, 0);
    // What it has left behind would make others slow.
    let is_large = (*desk).memory.used.get() > (*desk).bytes_before + LARGE_GROWTH;
    if is_large && !(*desk).memory.is_spent() {
        ffi::lua_gc(lua, ffi::LUA_GCCOLLECT, 0);
    }
    if matches!((*desk).job, Job::Run { .. })
        && let Some(fault) = (*desk).fault.take()
    {
        reply::write_fault(&mut *desk, &fault);
    }
}

/// What a protected call left at the top of the stack.
unsafe fn fault(lua: State, status: c_int) -> Fault {
    if status == ffi::LUA_ERRMEM {
        return Fault::Memory;
    }
    if ffi::lua_type(lua, -1) == ffi::LUA_TTABLE {
        push_bytes(lua, b"err");
        ffi::lua_rawget_(lua, -2);
    }
    Fault::Said(bytes_at(lua, -1).to_vec())
}

/// The function at the bottom of every job: what it raises ends no more than the job.
pub(crate) unsafe extern "C-unwind" fn carry_out(state: State) -> c_int {
    let desk = crate::stack::desk(state);
    match (*desk).job {
        Job::Compile { text } => {
            if compile(state, &*text, SCRIPT) {
                (*desk).made = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            }
        }
        Job::Run {
            function,
            words,
            first_key,
            keys,
            passes,
        } => {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, (*desk).kept.handler);
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, function);
            let keys_end = first_key + keys;
            if passes {
                push_words(state, *words, first_key, keys_end);
                push_words(state, *words, keys_end, (*words).len());
            } else {
                ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, (*desk).kept.globals);
                push_words(state, *words, first_key, keys_end);
                raw_set(state, 3, b"KEYS");
                push_words(state, *words, keys_end, (*words).len());
                raw_set(state, 3, b"ARGV");
                ffi::lua_settop(state, 2);
            }
            (*desk).may_leave = true;
            let arguments = if passes { 2 } else { 0 };
            match ffi::lua_pcall(state, arguments, 1, 1) {
                ffi::LUA_OK => reply::write(state, desk),
                ffi::LUA_ERRMEM => (*desk).fault = Some(Fault::Memory),
                _ => reply::write_failure(state, desk),
            }
        }
        Job::Load { text } => load(state, desk, &*text),
        Job::Tidy => {
            ffi::lua_gc(state, ffi::LUA_GCSTEP, 0);
        }
    }
    0
}

/// Whether there is a function at the top now.
unsafe fn compile(state: State, text: &[u8], name: &std::ffi::CStr) -> bool {
    let desk = crate::stack::desk(state);
    // What is compiled already nobody has checked.
    if text.first() == Some(&0x1b) {
        let said = b"unexpected symbol near 'char(27)'";
        let mut words = name.to_bytes()[1..].to_vec();
        words.extend_from_slice(b":1: ");
        words.extend_from_slice(said);
        (*desk).fault = Some(Fault::Said(words));
        return false;
    }
    let start = text.as_ptr().cast();
    let status = ffi::luaL_loadbuffer(state, start, text.len(), name.as_ptr());
    if status != ffi::LUA_OK {
        (*desk).fault = Some(fault(state, status));
    }
    status == ffi::LUA_OK
}

unsafe fn load(state: State, desk: *mut Desk, text: &[u8]) {
    if !compile(state, text, LIBRARY) {
        let kept = (*desk).fault.take();
        (*desk).fault = kept.map(|fault| match fault {
            Fault::Said(words) => {
                Fault::Said([b"Error compiling function: ", words.as_slice()].concat())
            }
            Fault::Memory => Fault::Memory,
        });
        return;
    }
    sandbox::show_api(state, (*desk).kept.load_api);
    ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, (*desk).kept.handler);
    ffi::lua_insert(state, 1);
    (*desk).is_loading = true;
    (*desk).may_leave = true;
    let status = ffi::lua_pcall(state, 0, 0, 1);
    (*desk).is_loading = false;
    if status != ffi::LUA_OK {
        (*desk).fault = Some(match fault(state, status) {
            Fault::Said(words) => {
                Fault::Said([b"Error registering functions: ", words.as_slice()].concat())
            }
            Fault::Memory => Fault::Memory,
        });
    }
    sandbox::show_api(state, (*desk).kept.run_api);
}

/// Pushes a table of some words of the request.
unsafe fn push_words(state: State, words: Args<'_>, from: usize, to: usize) {
    let count = c_int::try_from(to.saturating_sub(from)).unwrap_or(0);
    ffi::lua_createtable(state, count, 0);
    for (word, number) in words.iter_from(from).zip(1..=count) {
        push_bytes(state, word);
        ffi::lua_rawseti_(state, -2, number);
    }
}
