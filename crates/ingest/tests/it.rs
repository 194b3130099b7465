//! Real files of real cities. They are not part of the project: without them a test says that it
//! was skipped. `CHORSU_DATA` names their folder.

#[cfg(test)]
#[path = "it/city.rs"]
mod city;
#[cfg(test)]
#[path = "it/series.rs"]
mod series;
#[cfg(test)]
#[path = "it/streets.rs"]
mod streets;
#[cfg(test)]
#[path = "it/transit.rs"]
mod transit;
#[cfg(test)]
#[path = "it/vocabulary.rs"]
mod vocabulary;
