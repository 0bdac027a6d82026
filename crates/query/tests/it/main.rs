//! The identity join, tested through its interface in one binary: every further binary would link DataFusion again.

#[cfg(test)]
mod ask;
#[cfg(test)]
mod cast;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod incremental;
#[cfg(test)]
mod organisation;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod people;
#[cfg(test)]
mod scale;
