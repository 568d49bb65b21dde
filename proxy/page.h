/* The status page: the files of proxy/page/, compiled into the program. */
#ifndef ACKGATE_PROXY_PAGE_H
#define ACKGATE_PROXY_PAGE_H

#include "protocol/reader.h"

#include <stdbool.h>

struct page_file {
    const char *type; /* of the response; constant */
    struct span bytes;
};

/* path: "/", "/page.css", … False: no such file. */
bool page_find(struct span path, struct page_file *ret_file);

#endif
