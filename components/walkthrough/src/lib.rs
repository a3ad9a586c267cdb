//! A task kind that exercises every part of the contract.
