//! A task kind that searches a granted folder for a regular expression.
