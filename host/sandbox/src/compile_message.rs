//! What the process that compiles and the one that asks it say to each other over two pipes.
//! Does not decide what an answer means: `compile_process` does.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use crate::engine_hash::EngineHash;

/// First bytes of everything that the compiler says. A change of the messages changes them.
const HELLO: &[u8; 8] = b"twcomp01";
const REQUEST: &[u8; 8] = b"twwasm01";
const ANSWER: &[u8; 8] = b"twcode01";
/// Longest text that comes in place of machine code.
const TEXT_BYTES: u64 = 4 * 1024;

/// What is asked for, in front of the component's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) memory_bytes: u64,
    pub(crate) cpu_secs: u64,
    pub(crate) code_bytes: u64,
    pub(crate) wasm_bytes: u64,
}

/// How compiling ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Machine code.
    Code(Vec<u8>),
    /// The engine refuses the component.
    Invalid(String),
    /// There was not enough memory.
    OutOfMemory(String),
    /// There would be more machine code than allowed: that many bytes.
    TooMuchCode(u64),
    /// The process could not limit itself, and did nothing.
    NotConfined(String),
}

/// The compiler is there, with this engine.
pub(crate) fn write_hello(mut to: impl Write, engine: &EngineHash) -> io::Result<()> {
    to.write_all(HELLO)?;
    to.write_all(engine)?;
    to.flush()
}

/// The engine of whoever is there, if it is a compiler.
pub(crate) fn read_hello(mut from: impl Read) -> io::Result<EngineHash> {
    expect(&mut from, HELLO)?;
    array(&mut from)
}

impl Request {
    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(REQUEST)?;
        for number in [self.memory_bytes, self.cpu_secs, self.code_bytes, self.wasm_bytes] {
            to.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn read(mut from: impl Read) -> io::Result<Self> {
        expect(&mut from, REQUEST)?;
        let mut number = || Ok::<_, io::Error>(u64::from_le_bytes(array(&mut from)?));
        Ok(Self { memory_bytes: number()?, cpu_secs: number()?, code_bytes: number()?, wasm_bytes: number()? })
    }
}

/// Ties an answer to what was asked, so that neither a damaged one nor one to something else can pass.
fn seal(status: u8, engine: &EngineHash, wasm: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(ANSWER);
    hash.update([status]);
    hash.update(engine);
    hash.update(wasm);
    hash.update((payload.len() as u64).to_le_bytes());
    hash.update(payload);
    hash.finalize().into()
}

impl Answer {
    /// Writes the answer of a compiler with this engine to a request with this component.
    pub(crate) fn write(&self, mut to: impl Write, engine: &EngineHash, wasm: &[u8; 32]) -> io::Result<()> {
        let number;
        let (status, payload) = match self {
            Self::Code(code) => (0, code.as_slice()),
            Self::Invalid(problem) => (1, problem.as_bytes()),
            Self::OutOfMemory(problem) => (2, problem.as_bytes()),
            Self::TooMuchCode(actual) => {
                number = actual.to_le_bytes();
                (3, number.as_slice())
            }
            Self::NotConfined(problem) => (4, problem.as_bytes()),
        };
        to.write_all(ANSWER)?;
        to.write_all(&[status])?;
        to.write_all(&(payload.len() as u64).to_le_bytes())?;
        to.write_all(&seal(status, engine, wasm, payload))?;
        to.write_all(payload)?;
        to.flush()
    }

    /// Reads an answer, and never more than the largest one that is allowed.
    ///
    /// # Errors
    /// `InvalidData` for what is no answer, or none to this request; `UnexpectedEof` for half of one.
    pub(crate) fn read(
        mut from: impl Read,
        engine: &EngineHash,
        wasm: &[u8; 32],
        code_bytes: u64,
    ) -> io::Result<Answer> {
        expect(&mut from, ANSWER)?;
        let [status] = array(&mut from)?;
        let length = u64::from_le_bytes(array(&mut from)?);
        let sealed: [u8; 32] = array(&mut from)?;
        if length > if status == 0 { code_bytes } else { TEXT_BYTES } {
            return Err(not("an answer of acceptable length"));
        }
        let mut payload = Vec::new();
        // No room is made for what was only announced.
        from.take(length).read_to_end(&mut payload)?;
        if (payload.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if seal(status, engine, wasm, &payload) != sealed {
            return Err(not("an answer to this request"));
        }
        let text = |payload: Vec<u8>| String::from_utf8_lossy(&payload).into_owned();
        match status {
            0 => Ok(Answer::Code(payload)),
            1 => Ok(Answer::Invalid(text(payload))),
            2 => Ok(Answer::OutOfMemory(text(payload))),
            3 => match payload.try_into() {
                Ok(number) => Ok(Answer::TooMuchCode(u64::from_le_bytes(number))),
                Err(_) => Err(not("a number of bytes")),
            },
            4 => Ok(Answer::NotConfined(text(payload))),
            _ => Err(not("a known answer")),
        }
    }
}

fn not(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("it is not {what}"))
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn expect(from: &mut impl Read, expected: &[u8; 8]) -> io::Result<()> {
    let found: [u8; 8] = array(from)?;
    if found == *expected { Ok(()) } else { Err(not("a message of a compiler")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: EngineHash = [7; 32];
    const WASM: [u8; 32] = [9; 32];

    fn written(answer: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        answer.write(&mut bytes, &ENGINE, &WASM).unwrap();
        bytes
    }

    #[test]
    fn each_answer_arrives_as_it_was_given() {
        let text = || "why".to_owned();
        for answer in [
            Answer::Code(vec![1, 2, 3]),
            Answer::Invalid(text()),
            Answer::OutOfMemory(text()),
            Answer::TooMuchCode(5_000_000_000),
            Answer::NotConfined(text()),
        ] {
            assert_eq!(Answer::read(written(&answer).as_slice(), &ENGINE, &WASM, 3).unwrap(), answer);
        }
        let request = Request { memory_bytes: 1, cpu_secs: 2, code_bytes: 3, wasm_bytes: 4 };
        let mut bytes = Vec::new();
        request.write(&mut bytes).unwrap();
        assert_eq!(Request::read(bytes.as_slice()).unwrap(), request);
    }

    #[test]
    fn an_answer_with_a_changed_bit_or_half_of_one_is_none() {
        let whole = written(&Answer::Code(vec![1, 2, 3]));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let read = Answer::read(changed.as_slice(), &ENGINE, &WASM, 3);
            assert!(!matches!(read, Ok(Answer::Code(_))), "byte {at}");
            assert!(Answer::read(&whole[..at], &ENGINE, &WASM, 3).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn an_answer_of_another_engine_or_to_another_component_is_none() {
        let whole = written(&Answer::Code(vec![1]));
        assert!(Answer::read(whole.as_slice(), &[0; 32], &WASM, 3).is_err());
        assert!(Answer::read(whole.as_slice(), &ENGINE, &[0; 32], 3).is_err());
    }

    #[test]
    fn more_code_than_allowed_is_not_read() {
        let whole = written(&Answer::Code(vec![0; 4]));
        let error = Answer::read(&whole[..whole.len() - 4], &ENGINE, &WASM, 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    }
}
