//! What namespaces are called by their users: from the cgroup of a process inside, what runtimes say of that container, names in
//! /run/netns, and the process itself.
//!
//! Pure: evidence in, names out. What is read from where is in [`super::census`], [`super::daemon`] and
//! [`super::catalog`].

pub(super) mod bundle;
pub(super) mod cgroup;
mod choose;
mod facts;
pub(super) mod storage;
mod unique;

pub(super) use self::{
    choose::{Evidence, Named, choose},
    facts::{Catalog, Facts},
    unique::{Candidate, unique},
};
