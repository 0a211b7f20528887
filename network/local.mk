# network has nothing to build yet
