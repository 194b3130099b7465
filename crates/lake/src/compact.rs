//! Small files of a partition become one.
