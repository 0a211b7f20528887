# tests/fake has nothing to build yet
