//! One integration binary, with modules: what holds between the crates and over the tree.
//!
//! A crate's own behaviour is tested in that crate; nothing here knows how a crate does its work.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod deny;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod folders;
#[cfg(test)]
mod graph;
#[cfg(test)]
mod herrings;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod secrl;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tree;
