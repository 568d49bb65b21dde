"""The command blocks of a document, as a reader would type them.

A fenced block is executed when its first line says where, as a comment that the reader sees too:

    # on gate                   a shell as root on that machine
    -- on db1 (MySQL)           SQL as root on that machine's server; only for that family
    -- on the admin port        SQL as ackgate's administrator

Blocks without such a line are for reading only. Several machines: `# on db1 and db2`.
"""
import re

FIRST_LINE = re.compile(r"^(?:#|--) on (the admin port|[a-z0-9]+(?: and [a-z0-9]+)*)(?: \((MySQL|MariaDB)\))?:?$")


class Block:
    def __init__(self, language, text, line):
        first, _, self.text = text.partition("\n")
        where = FIRST_LINE.match(first)
        self.places = where.group(1).split(" and ") if where else []
        self.family = where.group(2).lower() if where and where.group(2) else None
        self.is_sql = language == "sql"
        self.line = line


class Section:
    def __init__(self, title):
        self.title = title
        self.blocks = []


def read_guide(path):
    """Its sections (## and ###), in order."""
    sections = [Section("")]
    language, text, began = None, "", 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fence = re.match(r"^ *```(\w*)", line)
            heading = re.match(r"^###? (.*)", line)
            if fence and language is None:
                language, text, began = fence.group(1), "", number
            elif fence:
                sections[-1].blocks.append(Block(language, text, began))
                language = None
            elif language is not None:
                text += line
            elif heading:
                sections.append(Section(heading.group(1).strip()))
    assert language is None, f"{path}:{began}: a block without end"
    return sections
