package tiny

func Larger(a, b int) int {
	if a > b {
		return a
	}
	return b
}

func Loop(n int) (sum int) {
	for n > 0 {
		sum += n
		n--
	}
	return sum
}
