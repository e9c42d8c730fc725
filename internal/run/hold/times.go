package hold

import (
	"encoding/binary"
	"path/filepath"
	"sort"
	"time"

	"stoker/internal/run/rundir"
	"stoker/internal/run/seglog"
)

// The times log says, about once a second, when which offset of the raw log was
// written: 16 bytes, offset and nanoseconds since 1970. With it a supervisor
// that replays the log measures the same speeds as the one that saw it live.
const (
	timesEvery = time.Second
	timesBytes = 16
	timesCap   = 16 << 20 // twelve days of a run that never pauses; head and tail stay
)

func timesDir(d rundir.Dir) string { return filepath.Join(string(d), "times") }

func timesRecord(offset int64, at time.Time) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(offset))
	return binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano()))
}

// times looks offsets up; it loads the log when first asked.
type times struct {
	dir    string
	loaded bool
	offset []int64
	ns     []int64
}

func newTimes(d rundir.Dir) *times { return &times{dir: timesDir(d)} }

// at returns when the byte at off was written, to the second; zero if unknown.
func (t *times) at(off int64) time.Time {
	if !t.loaded {
		t.load()
	}
	i := sort.Search(len(t.offset), func(i int) bool { return t.offset[i] > off })
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, t.ns[i-1])
}

func (t *times) load() {
	t.loaded = true
	buf := make([]byte, 64<<10)
	for pos := int64(0); ; {
		n, at, err := seglog.ReadAt(t.dir, buf, pos)
		if err != nil {
			return
		}
		skip := int((timesBytes - at%timesBytes) % timesBytes)
		whole := skip
		for ; whole+timesBytes <= n; whole += timesBytes {
			t.offset = append(t.offset, int64(binary.LittleEndian.Uint64(buf[whole:])))
			t.ns = append(t.ns, int64(binary.LittleEndian.Uint64(buf[whole+8:])))
		}
		if whole == skip { // a cut record at the end
			return
		}
		pos = at + int64(whole)
	}
}
