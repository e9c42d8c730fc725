package dataset

import (
	"bufio"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// begin finds out what an earlier process left and prepares to go on from there.
func (w *Writer) begin(restart bool) error {
	head, err := json.Marshal(w.head)
	if err != nil {
		return errs.New(errs.Internal, "%w", err)
	}
	state, err := readJournal(w.partial)
	if err != nil {
		return err
	}
	switch {
	case state.head == nil, restart, alreadyMoved(w.target, &state):
		return w.beginAnew()
	case string(state.head) != string(head):
		return errs.New(errs.Mismatch, "an unfinished dataset of that name was begun with another %s", difference(state.head, head)).
			At(w.partial).WithHint("use the same source, options and Stoker to finish it, or --restart to begin anew")
	}
	if err := w.resume(&state); err != nil {
		return err
	}
	return w.dropStrayFiles()
}

// alreadyMoved reports whether a process was killed after its dataset had got to
// its place: what the journal tells of is waste.
func alreadyMoved(target string, s *journalState) bool {
	fingerprint := s.committed()
	if fingerprint == "" {
		return false
	}
	m, err := ReadManifest(target)
	return err == nil && m.Fingerprint == fingerprint
}

// removeWaste removes what alreadyMoved tells of, where nothing new is begun, and
// what is left of a folder that a process was killed while removing: then there
// is no journal any more.
func removeWaste(target string) error {
	if real, err := filepath.EvalSymlinks(target); err == nil {
		target = real
	}
	partial := target + partialSuffix
	if _, err := os.Lstat(partial); err != nil {
		return nil
	}
	lock, err := lockPartial(partial)
	if err != nil {
		return err
	}
	state, err := readJournal(partial)
	if err == nil && (state.head == nil || alreadyMoved(target, &state)) {
		err = removePartial(partial)
	}
	return first(err, lock.Close())
}

func (w *Writer) beginAnew() error {
	if err := clearPartial(w.partial); err != nil {
		return err
	}
	data := filepath.Join(w.partial, dataName)
	if err := os.Mkdir(data, 0o777); err != nil {
		return writeError(err, data, 0)
	}
	line, err := journalLine(w.head)
	if err != nil {
		return err
	}
	if err := w.openJournal(0); err != nil {
		return err
	}
	_, err = w.journal.Write(line)
	return err
}

func (w *Writer) openJournal(size int64) error {
	path := filepath.Join(w.partial, journalName)
	f, err := w.open(path, size)
	if err != nil {
		return writeError(err, path, 0)
	}
	w.journal = &output{file: f, path: path}
	return nil
}

// resume takes over what the journal tells of. Finished shards were forced to
// the disk and are only compared with their sizes; the batches of the last one
// are checked, and the journal ends where they do not hold.
func (w *Writer) resume(s *journalState) error {
	var open []journalBatch // of the shard that is not finished
	for i, e := range s.entries {
		switch {
		case e.Batch != nil && e.Batch.Shard == len(w.finished):
			open = append(open, *e.Batch)
		case e.Finished != nil && w.intact(e.Finished):
			w.take(open)
			w.finished, open = append(w.finished, *e.Finished), nil
		case e.Finished != nil:
			return w.resumeOpen(s, i, open)
		default: // a commit that did not come to its end: it is done again
			return w.resumeOpen(s, i, open)
		}
	}
	return w.resumeOpen(s, len(s.entries), open)
}

// intact reports whether a finished shard has its size.
func (w *Writer) intact(info *FileInfo) bool {
	stat, err := os.Stat(filepath.Join(w.partial, dataName, info.File))
	return err == nil && stat.Size() == info.Bytes
}

// take counts journaled batches as done.
func (w *Writer) take(batches []journalBatch) {
	for _, b := range batches {
		w.rows += b.Rows
		w.position = b.Position
		w.bad = append(w.bad, b.Bad...)
	}
}

// resumeOpen goes on behind the batches of the last shard that are whole. The
// batches are the last of the journal's first n entries.
func (w *Writer) resumeOpen(s *journalState, n int, batches []journalBatch) error {
	path := filepath.Join(w.partial, dataName, shardName(len(w.finished)))
	good, crc, err := wholeBatches(path, batches)
	if err != nil {
		return err
	}
	s.cut(n - len(batches) + good)
	batches = batches[:good]
	w.take(batches)
	if err := w.openJournal(s.size()); err != nil {
		return err
	}
	if good == 0 {
		return nil
	}
	blocks := make([]arrowipc.Block, good)
	shard := &shardFile{number: len(w.finished)}
	for i, b := range batches {
		blocks[i] = b.block()
		shard.rows += b.Rows
	}
	end := blocks[good-1].End()
	f, err := w.open(path, end)
	if err != nil {
		return writeError(err, path, 0)
	}
	shard.output = output{file: f, path: path, size: end, crc: crc}
	shard.arrow = arrowipc.ResumeWriter(&shard.output, w.schema, bodyAlign, blocks)
	w.shard = shard
	return nil
}

// wholeBatches counts the batches from the first on whose bytes are in the file
// with the checksums of the journal, and returns the checksum up to there.
func wholeBatches(path string, batches []journalBatch) (good int, crc uint32, err error) {
	if len(batches) == 0 {
		return 0, 0, nil
	}
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, ioError(err, path)
	}
	defer f.Close() //nolint:errcheck // only read
	r := bufio.NewReaderSize(f, 1<<20)
	sum, pos := crc32.New(castagnoli), int64(0)
	for _, b := range batches {
		end := b.block().End()
		if _, err := io.CopyN(sum, r, end-pos); err == io.EOF || sum.Sum32() != uint32(b.CRC) {
			break
		} else if err != nil {
			return 0, 0, ioError(err, path)
		}
		good, crc, pos = good+1, sum.Sum32(), end
	}
	return good, crc, nil
}

// dropStrayFiles removes what an interrupted process wrote behind the journal:
// a later shard, an index, a manifest.
func (w *Writer) dropStrayFiles() error {
	keep := map[string]bool{}
	for _, info := range w.finished {
		keep[info.File] = true
	}
	if w.shard != nil {
		keep[filepath.Base(w.shard.path)] = true
	}
	data := filepath.Join(w.partial, dataName)
	if err := os.Mkdir(data, 0o777); err != nil && !os.IsExist(err) {
		return writeError(err, data, 0)
	}
	entries, err := os.ReadDir(data)
	if err != nil {
		return ioError(err, data)
	}
	for _, e := range entries {
		if path := filepath.Join(data, e.Name()); !keep[e.Name()] {
			if err := os.RemoveAll(path); err != nil {
				return ioError(err, path)
			}
		}
	}
	return nil
}
