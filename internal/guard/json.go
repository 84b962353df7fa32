package guard

// EstimateJSON returns what a document may take in memory when it is decoded, estimated from its bytes without decoding them: 200 bytes
// for each object and each element of an array, 32 for each other value, and the text itself. An array of zeros has two bytes
// an element, and when it is decoded into structs, a hundred times as many.
func EstimateJSON(document []byte) int64 {
	const element, value = 200, 32
	cost, depth := int64(len(document)), 0
	var isObject [64]bool // by depth; deeper ones count as arrays
	for i := 0; i < len(document); i++ {
		switch document[i] {
		case '{', '[':
			cost += element
			if depth++; depth < len(isObject) {
				isObject[depth] = document[i] == '{'
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
