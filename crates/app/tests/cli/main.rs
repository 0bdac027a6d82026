//! The program as its users meet it: started as a process, judged by files, exit codes and words. Knows no crate.

#[cfg(test)]
mod firings;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod incident;
#[cfg(test)]
mod operational;
#[cfg(test)]
mod query;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod suppression;
