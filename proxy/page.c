/* The files of page.h: taken in by the assembler, which looks from the repository's root. */
#include "proxy/page.h"

#include <stddef.h>

#define FILE_BYTES(name, file)                                                                               \
    __asm__(".section .rodata\n" #name ":\n.incbin \"proxy/page/" file "\"\n" #name                          \
            "_end:\n.byte 0\n.previous\n");                                                                  \
    extern const uint8_t name[] __asm__(#name);                                                              \
    extern const uint8_t name##_end[] __asm__(#name "_end")

FILE_BYTES(page_index_html, "index.html");
FILE_BYTES(page_page_css, "page.css");
FILE_BYTES(page_page_js, "page.js");
FILE_BYTES(page_cards_js, "cards.js");
FILE_BYTES(page_plot_js, "plot.js");
FILE_BYTES(page_icon_svg, "icon.svg");

static const struct {
    const char *path;
    const char *type;
    const uint8_t *start;
    const uint8_t *end;
} files[] = {
    {"/",         "text/html; charset=utf-8",       page_index_html, page_index_html_end},
    {"/page.css", "text/css; charset=utf-8",        page_page_css,   page_page_css_end  },
    {"/page.js",  "text/javascript; charset=utf-8", page_page_js,    page_page_js_end   },
    {"/cards.js", "text/javascript; charset=utf-8", page_cards_js,   page_cards_js_end  },
    {"/plot.js",  "text/javascript; charset=utf-8", page_plot_js,    page_plot_js_end   },
    {"/icon.svg", "image/svg+xml",                  page_icon_svg,   page_icon_svg_end  },
};

bool page_find(struct span path, struct page_file *ret_file)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (!span_is_text(path, files[i].path))
            continue;
        *ret_file = (struct page_file){
            files[i].type, {files[i].start, (size_t)(files[i].end - files[i].start)}
        };
        return true;
    }
    return false;
}
