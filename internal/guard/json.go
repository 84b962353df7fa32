package guard

// EstimateJSON estimates the memory in bytes that a document takes when it is decoded, without decoding it: 200 for each object and each
// element of an array, 32 for each other value, and the text itself. For example, an array of zeros has two bytes per element, but takes a
// hundred times as much when it is decoded into structs.
func EstimateJSON(document []byte) int64 {
	const element, value = 200, 32
	cost, depth := int64(len(document)), 0
	var isObject [64]bool // by depth; deeper ones count as arrays
	for i := 0; i < len(document); i++ {
		switch document[i] {
		case '{', '[':
			cost += element
			if depth++; depth < len(isObject) {
				isObject[depth] = document[i] == '{' //nolint:gosec // depth is below its length
			}
		case '}', ']':
			depth = max(0, depth-1)
		case ',':
			if depth < len(isObject) && isObject[depth] {
				cost += value
			} else {
				cost += element
			}
		case '"':
			for i++; i < len(document) && document[i] != '"'; i++ {
				if document[i] == '\\' {
					i++
				}
			}
		}
	}
	return cost
}
