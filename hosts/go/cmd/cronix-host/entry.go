package main

// stdoutAtStart is below 0 if stdout was closed as the program began. It stays 0 without the linker's -E of the Makefile.
var stdoutAtStart int64
