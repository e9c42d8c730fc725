"""One module for each peer: prepare() writes its data, open() gives its loader, versions() says what it is."""
