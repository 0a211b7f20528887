# storage has nothing to build yet
