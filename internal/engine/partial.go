package engine

import (
	"stoker/internal/entropy"
	"stoker/internal/errs"
	"stoker/jpeg"
)

// A crop needs a part of a JPEG's bytes, and with an entropy index only those
// are read. Gaps of less than joinGap are read over, as another read costs about
// what so many bytes do: with 8 reads at a time on a virtual disk, 24 to 64 KB
// were equal, 8 KB saved more bytes and less time (BenchmarkCold). Ranged GETs
// would take the same plan with a larger gap. Where less than 1/leastSaving
// would be saved, all is read.
const (
	joinGap     = 64 << 10
	leastSaving = 8
)

// partial is the plan to read a part of a sample's bytes.
type partial struct {
	ranges []jpeg.Range // empty where all are read
	stored []byte
	parts  entropy.Parts
}

// planRead decides how much of j's sample is read.
func (s *Session) planRead(j *job) {
	p, m := &j.partial, &j.sample
	p.ranges = p.ranges[:0]
	if len(j.entropy) == 0 || m.Length < joinGap/2 {
		return
	}
	if p.stored = s.source.AppendParts(p.stored[:0], j.index, m); len(p.stored) == 0 {
		return
	}
	of := entropy.Blob{Width: m.Width, Height: m.Height, Length: m.Length, At: m.Offset, CRC: m.CRC}
	if p.parts.Read(p.stored, of) != nil {
		return // reading all of it needs none
	}
	ranges, err := p.parts.Ranges(p.ranges, j.entropy, j.decision.Region, joinGap)
	if err == nil && m.Length-bytesOf(ranges) >= m.Length/leastSaving {
		p.ranges = ranges
	}
}

func bytesOf(ranges []jpeg.Range) (n int64) {
	for _, r := range ranges {
		n += int64(r.End - r.Start)
	}
	return n
}

// read reads what was planned of j's sample. Where a part of it is not what its
// checksum says, all of it is read, and its own checksum decides.
func (s *Session) read(j *job, buffer []byte) error {
	if len(j.partial.ranges) > 0 && s.readParts(j, buffer) == nil {
		return nil
	}
	j.partial.ranges = j.partial.ranges[:0]
	var err error
	crc := j.sample.CRC
	j.blob, err = s.source.Read(&j.sample, j.index, buffer)
	j.batch.rows[j.row].Bytes += j.sample.Length
	if j.sample.CRC != crc {
		j.entropy = j.entropy[:0] // it was made of other bytes
	}
	return err
}

// readRest reads all of a sample of which a part was read.
func (s *Session) readRest(j *job) error {
	if len(j.partial.ranges) == 0 {
		return nil
	}
	j.partial.ranges = j.partial.ranges[:0]
	return s.read(j, j.blob)
}

func (s *Session) readParts(j *job, buffer []byte) error {
	m := &j.sample
	if int64(cap(buffer)) < m.Length {
		buffer = make([]byte, m.Length)
	}
	j.blob = buffer[:m.Length]
	for _, r := range j.partial.ranges {
		n := int64(r.End - r.Start)
		if _, err := s.source.ReadRange(m, j.index, int64(r.Start), n, j.blob[r.Start:r.Start:r.End]); err != nil {
			return err
		}
		j.batch.rows[j.row].Bytes += n
		if !j.partial.parts.Check(j.blob, r) {
			return errs.New(errs.Corrupt, "bytes %d to %d are not what their checksums say", r.Start, r.End)
		}
	}
	return nil
}
