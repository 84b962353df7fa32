package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// maxKnown is the number of rows of a table whose IDs are kept in memory.
const maxKnown = 8192

// tuple is a row of a table whose columns are integers. Unused ones are 0.
type tuple [7]int64

// known is a row that was looked up.
type known struct {
	id, used int64
	inTotals bool
}

// dictionary gives IDs to texts and tuples. It looks them up and inserts what is missing, and notes the last hour in which a row is used.
// After a rollback it must be reset, because IDs that it gave may not exist.
type dictionary struct {
	texts                   map[string]known
	findText, insertText    *sql.Stmt
	touchText               *sql.Stmt
	processes, ends, detail tupleTable
}

// tupleTable gives IDs to the tuples of one table.
type tupleTable struct {
	known               map[tuple]known
	columns             int
	find, insert, touch *sql.Stmt
}

func (d *dictionary) reset() {
	d.texts, d.processes.known, d.ends.known, d.detail.known = nil, nil, nil, nil
}

// text returns the ID of a text that an event of an hour has, or 0 for "".
func (d *dictionary) text(ctx context.Context, text string, hour int64, inTotals bool) (int64, error) {
	if text == "" {
		return 0, nil
	}
	k, ok := d.texts[text]
	if !ok {
		err := d.findText.QueryRowContext(ctx, text).Scan(&k.id, &k.used, &k.inTotals)
		if errors.Is(err, sql.ErrNoRows) {
			k.used, k.inTotals = hour, inTotals
			k.id, err = insertID(d.insertText.ExecContext(ctx, text, hour, inTotals))
		}
		if err != nil {
			return 0, err
		}
	}
	changed := k.used < hour || inTotals && !k.inTotals
	if changed {
		k.used, k.inTotals = max(k.used, hour), k.inTotals || inTotals
		exists, err := affects(d.touchText.ExecContext(ctx, k.used, k.inTotals, k.id))
		if err != nil {
			return 0, err
		}
		if !exists { // it was removed, because no event had used it for long
			delete(d.texts, text)
			return d.text(ctx, text, hour, inTotals)
		}
	}
	if changed || !ok {
		if len(d.texts) >= maxKnown || d.texts == nil {
			d.texts = map[string]known{}
		}
		d.texts[text] = k
	}
	return k.id, nil
}

// id returns the ID of a tuple that an event of an hour has.
func (t *tupleTable) id(ctx context.Context, row tuple, hour int64) (int64, error) {
	k, ok := t.known[row]
	if ok && k.used >= hour {
		return k.id, nil
	}
	args := make([]any, t.columns, t.columns+1)
	for i := range args {
		args[i] = row[i]
	}
	if !ok {
		err := t.find.QueryRowContext(ctx, args...).Scan(&k.id, &k.used)
		if errors.Is(err, sql.ErrNoRows) {
			k.used = hour
			k.id, err = insertID(t.insert.ExecContext(ctx, append(args, hour)...))
		}
		if err != nil {
			return 0, err
		}
	}
	if k.used < hour {
		k.used = hour
		exists, err := affects(t.touch.ExecContext(ctx, hour, k.id))
		if err != nil {
			return 0, err
		}
		if !exists { // as above
			delete(t.known, row)
			return t.id(ctx, row, hour)
		}
	}
	if len(t.known) >= maxKnown || t.known == nil {
		t.known = map[tuple]known{}
	}
	t.known[row] = k
	return k.id, nil
}

func insertID(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// affects reports whether a statement changed any row.
func affects(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
