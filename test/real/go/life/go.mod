module life

go 1.26.0
