CREATE TABLE books (
	book TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (book)
);

CREATE TABLE journal (
	sequence INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	at TEXT NOT NULL, 
	payload TEXT NOT NULL, 
	previous TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	PRIMARY KEY (sequence)
);

CREATE INDEX journal_by_run ON journal (run_id, sequence);

CREATE TABLE lightning_schema (
	version INTEGER NOT NULL
);

CREATE TABLE patterns (
	book TEXT NOT NULL, 
	pattern_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	ticker TEXT NOT NULL, 
	direction INTEGER NOT NULL, 
	as_of TEXT NOT NULL, 
	vector BLOB NOT NULL, 
	confidence DOUBLE, 
	horizon_sessions INTEGER NOT NULL, 
	entry_price DOUBLE, 
	target_price DOUBLE, 
	stop_price DOUBLE, 
	regime TEXT, 
	outcome_net_return DOUBLE, 
	outcome_won BOOLEAN, 
	outcome_known_at TEXT, 
	PRIMARY KEY (book, pattern_id)
);

CREATE INDEX patterns_by_time ON patterns (book, as_of, position);
