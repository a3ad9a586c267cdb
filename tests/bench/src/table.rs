//! How figures are printed: a heading, and lines of a name, a figure and a remark.
//! Does not compute anything.

/// Begins a measurement.
#[expect(clippy::print_stdout, reason = "printing is what the program is for")]
pub(crate) fn heading(text: &str) {
    println!("\n## {text}");
}

/// One line.
#[expect(clippy::print_stdout, reason = "printing is what the program is for")]
pub(crate) fn row(name: &str, figure: &str, remark: &str) {
    println!("{:<46} {:>18}  {}", name, figure, remark);
}

/// A line as it is.
#[expect(clippy::print_stdout, reason = "printing is what the program is for")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}
