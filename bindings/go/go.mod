module libretrieve.org/go/retrieve

go 1.19
