//! The front end from outside: whole repositories in, policies and diagnostics out.

mod diagnostics;
mod fixture;
mod hostile;
mod repository;
