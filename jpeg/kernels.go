package jpeg

// The kernels in use. See kernels_amd64.go for the choice.
var (
	idctRow = idctRowGeneric
	yccRow  = yccRowGeneric
	greyRow = greyRowGeneric
	upH2V1  = upH2V1Generic
	upH2V2  = upH2V2Generic

	// runOne decodes all jobs of a stream, runThree until one of three streams
	// has none left; nil where only stream.runGeneric is there. They give up on
	// damaged data: see stream.verify.
	runOne   func(s *stream)
	runThree func(a, b, c *stream)

	// unpackTwo unpacks the blocks of n jobs for two streams and returns for how
	// many it did: it stops before the end of the data. It is nil where only
	// unpackBlock is there.
	unpackTwo func(a, b *packedStream, jobs *job, n int, tables *[4]unpackTable) int
)
