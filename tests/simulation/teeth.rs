//! Each promise can be seen broken.
