//! Settings: file < environment < flag; all problems are reported together, with file and line.
