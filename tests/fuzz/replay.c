/*
 * tests/fuzz/replay.c - run a fuzz target over files, without a fuzzer
 *
 * Every build replays the corpus: what once was found stays found. Prints one
 * line per corpus for the test runner. A crash ends the process and thereby fails.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"

#define INPUT_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dir, const char *name)
{
	autofree char *data = NULL;
	size_t len = 0;
	int rc = fd_read_file(dir, name, INPUT_MAX, &data, &len);

	if (rc < 0) {
		printf("FAIL %s: %s\n", name, strerror(-rc));
		return -1;
	}
	/* An exact allocation, so that the sanitizer sees one byte too far. */
	autofree uint8_t *exact = malloc(len ? len : 1);

	if (!exact)
		return -1;
	memcpy(exact, data, len);
	LLVMFuzzerTestOneInput(exact, len);
	return 0;
}

static int replay_dir(const char *path)
{
	DIR *dir = opendir(path);
	int files = 0, failed = 0;

	if (!dir) {
		printf("FAIL corpus %s: cannot be opened\n", path);
		return 1;
	}
	for (struct dirent *d; (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		files++;
		failed |= replay_file(dirfd(dir), d->d_name) < 0;
	}
	closedir(dir);
	if (!files)
		failed = 1;
	printf("%s corpus %s: %d inputs\n", failed ? "FAIL" : "ok", path, files);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed |= replay_dir(argv[i]);
	return failed;
}
