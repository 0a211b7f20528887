/*
 * base/cleanup.h - ownership that ends with the scope
 *
 * Every function leaves through plain returns: what it owns is declared auto*
 * and freed by the compiler; steal*() is how ownership leaves the scope.
 */
#ifndef VX_BASE_CLEANUP_H
#define VX_BASE_CLEANUP_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/param.h> /* MIN and MAX, as libuv has them too */
#include <unistd.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define autofree __attribute__((cleanup(cleanup_free)))
#define autofd __attribute__((cleanup(cleanup_close)))

/* AUTOPTR(image, image_free) makes `autoptr(image) img` free itself. */
#define AUTOPTR(name, fn)                                      \
	static inline void cleanup_ptr_##name(struct name **p) \
	{                                                      \
		fn(*p);                                        \
	}                                                      \
	struct name
#define autoptr(name) __attribute__((cleanup(cleanup_ptr_##name))) struct name *

/* AUTOFINI(str, str_fini) does the same for an object that lives on the stack. */
#define AUTOFINI(name, fn)                                     \
	static inline void cleanup_fini_##name(struct name *p) \
	{                                                      \
		fn(p);                                         \
	}                                                      \
	struct name
#define autofini(name) __attribute__((cleanup(cleanup_fini_##name))) struct name

/* Take the pointer out of its variable: the scope no longer frees it. */
#define steal(ptr)                              \
	({                                      \
		__auto_type steal_p = &(ptr);   \
		__auto_type steal_v = *steal_p; \
		*steal_p = NULL;                \
		steal_v;                        \
	})

static inline int steal_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
