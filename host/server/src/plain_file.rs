//! Reads files that somebody has named: whole, up to a bound, and without ever waiting for one.
//! Does not judge what is in them.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The bytes of a file. What is no regular file, or has more than `most` bytes, is an error: a pipe, a terminal or a device gives what it
/// has when it likes, or never comes to an end.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Looked at before it is opened, since to open a device may do something already.
    judge(&path.metadata()?, most)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // To open a pipe waits for a writer.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.cast_signed());
    }
    let file = options.open(path)?;
    // Another may have been put there.
    judge(&file.metadata()?, most)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_long(&format!("more than {most}"), most));
    }
    Ok(bytes)
}

/// The same of a file that is text.
pub(crate) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8"))
}

fn judge(about: &Metadata, most: u64) -> io::Result<()> {
    if about.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    if !about.is_file() {
        let problem = "it is no regular file, and neither a pipe nor a device is read: write what it gives into a file";
        return Err(io::Error::new(ErrorKind::InvalidInput, problem));
    }
    if about.len() > most { Err(too_long(&about.len().to_string(), most)) } else { Ok(()) }
}

fn too_long(bytes: &str, most: u64) -> io::Error {
    io::Error::new(ErrorKind::FileTooLarge, format!("it has {bytes} bytes, at most {most} are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("file");
        std::fs::write(&path, "four").unwrap();
        assert_eq!(read_text(&path, 4).unwrap(), "four");
        assert!(read(&path, 3).unwrap_err().to_string().contains("4 bytes, at most 3"));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(read_text(&path, 4).unwrap_err().to_string().contains("UTF-8"));
        assert_eq!(read(&place.path().join("none"), 4).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(read(place.path(), 4).unwrap_err().to_string().contains("folder"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let place = tempfile::tempdir().unwrap();
        let pipe = place.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            assert!(read(path, 1 << 20).unwrap_err().to_string().contains("no regular file"), "{}", path.display());
        }
    }
}
