package batching

// unloaded returns a heap of n micro-batches or ranks that were given nothing yet.
// Each is tokens<<32 | number, so that of equal ones the first goes first; a step has
// less than 4 G tokens for each.
func unloaded(n int) []uint64 {
	heap := make([]uint64, n)
	for i := range heap {
		heap[i] = uint64(i)
	}
	return heap
}

// sink restores a heap after its first element was given something, or replaced.
func sink(heap []uint64) {
	if len(heap) == 0 {
		return
	}
	v, i := heap[0], 0
	for {
		child := 2*i + 1
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if child >= len(heap) || heap[child] >= v {
			heap[i] = v
			return
		}
		heap[i] = heap[child]
		i = child
	}
}
