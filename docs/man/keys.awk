# Makes the list of keys in ackgate.cnf(5) out of conf/ackgate.cnf, whose comments are the documentation of each
# key (a test holds them against the code). Reads the page's source first and puts the list where it says KEYS.
# awk -f docs/man/keys.awk docs/man/ackgate.cnf.5.in conf/ackgate.cnf

function escaped(text) {
    gsub(/\\/, "\\e", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

function flush_text(   i) {
    for (i = 1; i <= comment_count; i++)
        print escaped(comment[i])
    comment_count = 0
}

FNR == NR {
    if ($0 != "KEYS")
        page[++page_count] = $0
    else
        keys_at = page_count
    next
}

FNR == 1 {
    for (i = 1; i <= keys_at; i++)
        print page[i]
}

/^\[/ {
    if (section != "")
        print ".El"
    section = $0
    print ".Ss " section
    flush_text()
    print ".Bl -tag -width Ds"
    next
}

/^# Default: / {
    facts = substr($0, 3)
    next
}

/^#? ?[a-z_]+ =/ {
    name = $0
    sub(/^#/, "", name)
    sub(/ =.*/, "", name)
    print ".It Ic " name
    flush_text()
    if (facts != "")
        print ".br\n" escaped(facts)
    facts = ""
    next
}

/^#( |$)/ {
    comment[++comment_count] = substr($0, 3)
    next
}

# what stands before the first section is not about a key
/^$/ {
    if (section == "")
        comment_count = 0
}

END {
    print ".El"
    for (i = keys_at + 1; i <= page_count; i++)
        print page[i]
}
