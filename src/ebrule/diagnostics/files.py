"""What can be wrong with a rule file as a file: that it can be read, its form, its keys, its values."""

from __future__ import annotations

from typing import Final

from ebrule.diagnostics.diagnostic import Diagnostic

FILES: Final = (
    # The file.
    Diagnostic(
        "file-not-found",
        "there is no such file",
        "The path leads nowhere. A relative one begins in the current folder.",
        wrong="$ ebrule validate rul.yaml",
        right="$ ebrule validate rule.yaml",
    ),
    Diagnostic(
        "not-a-file",
        "the path leads to something that is no file",
        "A folder (but for validate), a device, a socket or a pipe that nobody writes to holds no rule, and could keep "
        "ebrule waiting for ever.",
        wrong="$ ebrule validate /dev/null",
        right="$ ebrule validate rule.yaml",
    ),
    Diagnostic(
        "empty-folder",
        "there are no rule files in a folder",
        "A check of nothing must not look like a check that everything passed. Folders are searched for *.yaml, *.yml "
        "and *.json; what is hidden is left out, and links to folders are not followed.",
        wrong="$ mkdir rule && ebrule validate rule",
        right="$ ebrule validate rules",
    ),
    Diagnostic(
        "unreadable-file",
        "the file cannot be read",
        "The system says why: a missing permission, most often.",
        wrong="$ ebrule validate - <&-",
        right="$ ebrule validate - < rule.yaml",
    ),
    Diagnostic(
        "file-too-large",
        "the file is larger than 256 KiB",
        "A rule takes a few KiB. What is larger is something else, or was made to exhaust its readers.",
        wrong="$ (cat rule.yaml; yes '#' | head -c 300000) | ebrule validate -",
        right="$ cat rule.yaml | ebrule validate -",
    ),
    Diagnostic(
        "not-utf8",
        "the file is not in UTF-8",
        "Other encodings cannot be told apart surely, so a guess could change a text silently. Save the file in UTF-8.",
        wrong="$ printf 'name: Caf\\351' | ebrule validate -",
        right="$ printf 'name: Caf\\303\\251' | ebrule validate -",
    ),
    Diagnostic(
        "empty-file",
        "there is nothing in the file",
        "Only space and comments, or nothing at all: perhaps the command that should have written it failed.",
        wrong="$ true | ebrule validate -",
        right="$ cat rule.yaml | ebrule validate -",
    ),
    # Its form.
    Diagnostic(
        "json-syntax",
        "the text is not JSON",
        "A file that is called *.json must be strict JSON: double quotes, no comments, no comma after the last entry.",
        wrong="$ echo '{\"priority\": 50,}' > r.json; ebrule validate r.json",
        right="$ echo '{\"priority\": 50}' > r.json; ebrule validate r.json",
    ),
    Diagnostic(
        "yaml-syntax",
        "the text is not YAML",
        "The message says what is missing or stands where it cannot. Quotes around a text with special characters, and "
        "entries of a block indented alike, mend most.",
        wrong="description: Calls: all of them",
        right='description: "Calls: all of them"',
    ),
    Diagnostic(
        "control-character",
        "a character that cannot be seen stands in the text",
        "YAML allows few control characters, and readers differ on some. Write an escape in double quotes instead.",
        wrong="$ printf 'name: a\\001b' | ebrule validate -",
        right="$ printf 'name: \"a\\\\x01b\"' | ebrule validate -",
    ),
    Diagnostic(
        "invalid-escape",
        "an escape stands for no character",
        "In double quotes a backslash begins an escape. For a backslash itself write two, or use single quotes.",
        wrong='name: "C:\\queues"',
        right="name: 'C:\\queues'",
    ),
    Diagnostic(
        "directive",
        "the file begins with a YAML directive",
        "A directive changes how all the rest is read. A rule file needs none.",
        wrong="%YAML 1.1\n---\npriority: 50",
        right="---\npriority: 50",
    ),
    Diagnostic(
        "two-documents",
        "the file holds more than one document",
        "An update changes one rule, and which of the two would be a guess. Write each into a file of its own.",
        wrong="priority: 50\n---\npriority: 60",
        right="priority: 50",
    ),
    Diagnostic(
        "not-a-mapping",
        "the file holds a list or a single value",
        'A rule is a mapping: lines of "key: value".',
        wrong="$ echo '- priority: 50' | ebrule validate -",
        right="$ echo 'priority: 50' | ebrule validate -",
    ),
    Diagnostic(
        "too-deep",
        "mappings and lists stand in one another more than 20 levels deep",
        "A rule needs five or six. More is a bracket that was never closed, or was made to exhaust its readers.",
        wrong="conditions: [[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]",
        right="conditions: []",
    ),
    Diagnostic(
        "alias",
        "an anchor or an alias stands in the file",
        "With aliases a short text can grow without end, and a change in one place changes another. Write the value "
        "out; a text that begins with & or * needs quotes.",
        wrong="name: &name Calls\ndescription: *name",
        right="name: Calls\ndescription: Calls",
    ),
    Diagnostic(
        "tag",
        "a tag stands in the file",
        "Tags ask the reader to build something, and readers differ on what. For a text, quotes are enough.",
        wrong="name: !!str 007",
        right='name: "007"',
    ),
    # Keys.
    Diagnostic(
        "merge-key",
        '"<<" merges another mapping into one',
        "Only some readers of YAML know it, and what the rule says can then not be read in one place.",
        wrong="<<: {priority: 50}",
        right="priority: 50",
    ),
    Diagnostic(
        "non-string-key",
        "a key is not text",
        "JSON, which the API speaks, has keys of text only. Put the key in quotes if it is meant.",
        wrong="targets:\n  - id: crm\n    headers: {1: one}",
        right='targets:\n  - id: crm\n    headers: {"1": one}',
    ),
    Diagnostic(
        "duplicate-key",
        "a key stands twice in a mapping",
        "Some readers keep the first, some the last. Keep the one that is meant.",
        wrong="priority: 50\npriority: 60",
        right="priority: 60",
    ),
    # Values.
    Diagnostic(
        "ambiguous-scalar",
        "an unquoted value means different things to different readers of YAML",
        "To one reader `on` is true, `012` ten and `1:30` ninety; to another they are text. Write true, the decimal "
        "number, or quotes. The value of an unquoted ${var:NAME} is read the same way.",
        wrong="name: on",
        right='name: "on"',
    ),
    Diagnostic(
        "number-too-long",
        "a number has more than 40 digits",
        "No field of a rule takes such a number, and few programs read it back unchanged. Quote it if it is text.",
        wrong=f"version: {'1234567890' * 5}",
        right="version: 1234567890",
    ),
    Diagnostic(
        "number-too-large",
        "a number is larger than any that can be stored",
        "It would become infinity, which JSON does not have.",
        wrong="conditions:\n  - {field: duration, operator: lessThan, value: 1.0e+999}",
        right="conditions:\n  - {field: duration, operator: lessThan, value: 1.0e+9}",
    ),
    Diagnostic(
        "not-a-number",
        "NaN or infinity stands in the file",
        "JSON does not have them, though some programs write them.",
        wrong='{"priority": NaN}',
        right='{"priority": 50}',
    ),
    Diagnostic(
        "unset-variable",
        "an environment variable is not set, or empty",
        "A secret that a pipeline does not pass on must not become an empty header. Set it, for validate too, or "
        "let validate only warn of it with --allow-unset: then a pull request needs no secrets.",
        wrong="$ echo 'name: \"${env:TITLE}\"' | ebrule validate -",
        right="$ echo 'name: \"${env:TITLE}\"' | TITLE=Calls ebrule validate -",
    ),
    Diagnostic(
        "invalid-variable",
        "an environment variable holds bytes that are not UTF-8",
        "They cannot be sent as JSON.",
        wrong="$ echo 'name: \"${env:TITLE}\"' | TITLE=$'Caf\\351' ebrule validate -",
        right="$ echo 'name: \"${env:TITLE}\"' | TITLE=$'Caf\\303\\251' ebrule validate -",
    ),
    Diagnostic(
        "substitution-too-large",
        "the environment puts more than 256 KiB into the file",
        "A short file can name a long variable often, and grow beyond all bounds.",
        wrong="$ export TITLE=$(printf %99s x)\n"
        "$ (printf 'name: \"'; yes '${env:TITLE}' | head -n 3000; echo '\"') | ebrule validate -",
        right="$ export TITLE=$(printf %99s x)\n$ echo 'name: \"${env:TITLE}\"' | ebrule validate -",
    ),
    Diagnostic(
        "misplaced-keep",
        "${keep} stands inside a longer text",
        "It keeps a value of the org as a whole, and cannot keep a part of one. For the characters write $${keep}.",
        wrong='description: "Was: ${keep}"',
        right='description: "${keep}"',
    ),
    Diagnostic(
        "unknown-substitution",
        "a ${…} is none that ebrule knows",
        "There are ${env:NAME} for secrets, ${var:NAME} for other values, and ${keep}. For a literal ${ write $${.",
        wrong='description: "${NAME}"',
        right='description: "$${NAME}"',
    ),
)
