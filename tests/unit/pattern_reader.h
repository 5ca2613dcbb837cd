/*
 * The patterns of Transfer's shapes, read as they are written: a second opinion on common/model/patterns.c, which has them
 * as code. Knows what those patterns use: characters, escapes, classes, groups, | and the quantifiers; a match is of the
 * whole text. Texts are arrays of code points, so that nothing here depends on how UTF-8 is decoded elsewhere.
 */
#ifndef BERTH_TEST_PATTERN_READER_H
#define BERTH_TEST_PATTERN_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_TEXT_MAX 8192
#define PATTERN_ATOMS    64
#define PATTERN_NO_BOUND (1 << 20)

/* One character's class, or a group; first and next are indexes, -1 where there is none. */
struct pattern_atom {
	const char *class_text; /* NULL: a group */
	size_t class_length;
	int branch;
	int min, max;
	int next;
};

struct pattern_branch {
	int first, next;
};

struct pattern {
	struct pattern_atom atoms[PATTERN_ATOMS];
	struct pattern_branch branches[PATTERN_ATOMS];
	int atom_count, branch_count;
	int root;
};

/* Where a match may stand: positions lo to hi - 1 at most; none when lo is not below hi. */
struct pattern_set {
	int lo, hi;
	bool has[];
};

static inline struct pattern_set *
pattern_set_new(int length)
{
	struct pattern_set *set = calloc(1, sizeof(*set) + (size_t)length + 1);

	if (set == NULL)
		abort();
	set->lo = length + 1;
	return set;
}

static inline bool
pattern_is_space(int32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Reads one member of a class, or a character outside one: its code point, or 's', 'S' or 'w' with *kind set. */
static inline int32_t
pattern_unit(const char **at, char *kind)
{
	const char *text = *at;

	*kind = 0;
	if (*text != '\\') {
		*at = text + 1;
		return (unsigned char)*text;
	}
	*at = text + 2;
	switch (text[1]) {
	case 's':
	case 'S':
	case 'w':
		*kind = text[1];
		return 0;
	case 't':
		return '\t';
	case 'x':
		*at = text + 4;
		return (int32_t)strtol((char[]){ text[2], text[3], '\0' }, NULL, 16);
	}
	return (unsigned char)text[1];
}

static inline bool
pattern_kind_has(char kind, int32_t c)
{
	if (kind == 'w')
		return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return pattern_is_space(c) == (kind == 's');
}

static inline bool
pattern_class_has(const struct pattern_atom *atom, int32_t c)
{
	const char *at = atom->class_text, *end = at + atom->class_length;
	int32_t low, high;
	char kind, other;

	if (*at == '.')
		return c != '\n' && c != '\r' && c != 0x85 && c != 0x2028 && c != 0x2029;
	if (*at == '[') {
		at++;
		end--;
	}
	while (at < end) {
		low = high = pattern_unit(&at, &kind);
		if (kind == 0 && at + 1 < end && *at == '-') {
			at++;
			high = pattern_unit(&at, &other);
		}
		if (kind == 0 ? c >= low && c <= high : pattern_kind_has(kind, c))
			return true;
	}
	return false;
}

static inline int pattern_read_branches(struct pattern *pattern, const char **at);

static inline void
pattern_read_quantifier(struct pattern_atom *atom, const char **at)
{
	char *end;

	atom->min = atom->max = 1;
	switch (**at) {
	case '*':
	case '+':
		atom->min = **at == '+';
		atom->max = PATTERN_NO_BOUND;
		++*at;
		return;
	case '?':
		atom->min = 0;
		++*at;
		return;
	case '{':
		atom->min = atom->max = (int)strtol(*at + 1, &end, 10);
		if (*end == ',')
			atom->max = (int)strtol(end + 1, &end, 10);
		*at = end + 1;
	}
}

static inline int
pattern_read_atom(struct pattern *pattern, const char **at)
{
	int index = pattern->atom_count++;
	struct pattern_atom *atom = &pattern->atoms[index];
	const char *from = *at;
	char kind;

	atom->next = -1;
	if (*from == '(') {
		++*at;
		atom->branch = pattern_read_branches(pattern, at);
		++*at;
	} else {
		if (*from == '[')
			*at = strchr(from, ']') + 1;
		else
			pattern_unit(at, &kind);
		atom->class_text = from;
		atom->class_length = (size_t)(*at - from);
	}
	pattern_read_quantifier(atom, at);
	return index;
}

static inline int
pattern_read_branches(struct pattern *pattern, const char **at)
{
	int first = pattern->branch_count, index, *link;

	for (;;) {
		index = pattern->branch_count++;
		pattern->branches[index].next = -1;
		pattern->branches[index].first = -1;
		link = &pattern->branches[index].first;
		while (**at != '\0' && **at != '|' && **at != ')') {
			*link = pattern_read_atom(pattern, at);
			link = &pattern->atoms[*link].next;
		}
		if (**at != '|')
			return first;
		++*at;
		pattern->branches[index].next = pattern->branch_count;
	}
}

static inline void
pattern_read(struct pattern *pattern, const char *text)
{
	memset(pattern, 0, sizeof(*pattern));
	pattern->root = pattern_read_branches(pattern, &text);
}

static inline void
pattern_set_clear(struct pattern_set *set)
{
	if (set->lo < set->hi)
		memset(set->has + set->lo, 0, (size_t)(set->hi - set->lo) * sizeof(*set->has));
	set->lo = set->hi + 1;
	set->hi = 0;
}

/* Returns whether it is a new one. */
static inline bool
pattern_set_add(struct pattern_set *set, int position)
{
	if (set->has[position])
		return false;
	set->has[position] = true;
	if (set->hi == 0 || position < set->lo)
		set->lo = position;
	if (position >= set->hi)
		set->hi = position + 1;
	return true;
}

static inline void pattern_sequence(const struct pattern *pattern, int atom, const int32_t *text, int length,
    const struct pattern_set *in, struct pattern_set *out);

static inline void
pattern_once(const struct pattern *pattern, const struct pattern_atom *atom, const int32_t *text, int length,
    const struct pattern_set *in, struct pattern_set *out)
{
	int i;

	if (atom->class_text == NULL) {
		for (i = atom->branch; i != -1; i = pattern->branches[i].next)
			pattern_sequence(pattern, pattern->branches[i].first, text, length, in, out);
		return;
	}
	for (i = in->lo; i < in->hi; i++)
		if (in->has[i] && i < length && pattern_class_has(atom, text[i]))
			pattern_set_add(out, i + 1);
}

/* Adds to out where the atom can end that begins at in. */
static inline void
pattern_repeat(const struct pattern *pattern, const struct pattern_atom *atom, const int32_t *text, int length,
    const struct pattern_set *in, struct pattern_set *out)
{
	struct pattern_set *at = pattern_set_new(length), *next = pattern_set_new(length), *spare;
	int count, i;
	bool grew = true;

	for (i = in->lo; i < in->hi; i++)
		if (in->has[i])
			pattern_set_add(at, i);
	for (count = 0; grew && at->lo < at->hi; count++) {
		grew = count < atom->min;
		for (i = at->lo; count >= atom->min && i < at->hi; i++)
			if (at->has[i] && pattern_set_add(out, i))
				grew = true;
		if (count == atom->max)
			break;
		pattern_set_clear(next);
		pattern_once(pattern, atom, text, length, at, next);
		spare = at;
		at = next;
		next = spare;
	}
	free(at);
	free(next);
}

static inline void
pattern_sequence(const struct pattern *pattern, int atom, const int32_t *text, int length, const struct pattern_set *in,
    struct pattern_set *out)
{
	struct pattern_set *after;
	int i;

	if (atom == -1) {
		for (i = in->lo; i < in->hi; i++)
			if (in->has[i])
				pattern_set_add(out, i);
		return;
	}
	after = pattern_set_new(length);
	pattern_repeat(pattern, &pattern->atoms[atom], text, length, in, after);
	pattern_sequence(pattern, pattern->atoms[atom].next, text, length, after, out);
	free(after);
}

static inline bool
pattern_matches(const struct pattern *pattern, const int32_t *text, size_t length)
{
	const struct pattern_atom whole = { .branch = pattern->root, .min = 1, .max = 1 };
	struct pattern_set *start = pattern_set_new((int)length), *ends = pattern_set_new((int)length);
	bool matched;

	pattern_set_add(start, 0);
	pattern_repeat(pattern, &whole, text, (int)length, start, ends);
	matched = ends->has[length];
	free(start);
	free(ends);
	return matched;
}

/*
 * How a matching text is made: `favourites` are the code points to choose from where the class has them (ended by 0),
 * `branch` which way is taken at each |, and the `skip` first atoms that could be longer stay as short as they may. The
 * others take `extra` more characters.
 */
struct pattern_recipe {
	const int32_t *favourites;
	int branch, skip, extra;
	unsigned turn; /* moves on through the favourites from one character to the next when not 0 */
};

struct pattern_text {
	int32_t points[PATTERN_TEXT_MAX];
	size_t length;
};

static inline int32_t
pattern_choose(const struct pattern_atom *atom, struct pattern_recipe *recipe)
{
	static const int32_t PLAIN[] = { 'a', '0', '-', ' ', '/', '=', 0 };
	size_t count = 0, i, from;
	int32_t c;

	while (recipe->favourites[count] != 0)
		count++;
	from = recipe->turn == 0 ? 0 : recipe->turn++;
	for (i = 0; i < count; i++)
		if (pattern_class_has(atom, recipe->favourites[(from + i) % count]))
			return recipe->favourites[(from + i) % count];
	for (i = 0; PLAIN[i] != 0; i++)
		if (pattern_class_has(atom, PLAIN[i]))
			return PLAIN[i];
	for (c = 1; !pattern_class_has(atom, c); c++)
		;
	return c;
}

static inline void
pattern_make_sequence(const struct pattern *pattern, int branch, struct pattern_recipe *recipe, struct pattern_text *text)
{
	const struct pattern_atom *atom;
	int i, count, ways = 0, way;
	size_t before;

	for (i = branch; i != -1; i = pattern->branches[i].next)
		ways++;
	for (way = recipe->branch % ways; way > 0; way--)
		branch = pattern->branches[branch].next;
	for (i = pattern->branches[branch].first; i != -1; i = atom->next) {
		bool longer;

		atom = &pattern->atoms[i];
		longer = atom->max > atom->min && recipe->skip-- <= 0;
		for (count = 0; count < atom->min || (longer && count < atom->max && recipe->extra > 0); count++) {
			before = text->length;
			if (text->length + 1 >= PATTERN_TEXT_MAX)
				return;
			if (atom->class_text != NULL)
				text->points[text->length++] = pattern_choose(atom, recipe);
			else
				pattern_make_sequence(pattern, atom->branch, recipe, text);
			if (count >= atom->min)
				recipe->extra -= (int)(text->length - before);
			if (count >= atom->min && text->length == before)
				break;
		}
	}
}

/* A text of exactly that many characters that matches, or false when this way of making one finds none. */
static inline bool
pattern_make(const struct pattern *pattern, const int32_t *favourites, unsigned turn, size_t length,
    struct pattern_text *text)
{
	int branch, skip, extra;

	for (branch = 0; branch < 4; branch++)
		for (skip = 0; skip < 6; skip++)
			for (extra = (int)length; extra >= 0; extra--) {
				struct pattern_recipe recipe = { favourites, branch, skip, extra, turn };

				text->length = 0;
				pattern_make_sequence(pattern, pattern->root, &recipe, text);
				if (text->length == length && pattern_matches(pattern, text->points, length))
					return true;
				if (text->length > length)
					extra -= (int)(text->length - length) > 1 ? (int)(text->length - length) - 1 : 0;
				if (text->length < length)
					break;
			}
	return false;
}

#endif
