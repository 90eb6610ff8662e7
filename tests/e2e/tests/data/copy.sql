-- What COPY takes, and what it says of the rest.
CREATE TABLE c (id int PRIMARY KEY, t text, v varchar(3) DEFAULT 'dfl', g int GENERATED ALWAYS AS (id * 2) STORED, n numeric(4,1));
COPY c (id, t) FROM STDIN;
1	a\tb
2	\N
3	\\.x\
y
4	
\.
COPY c (t, id, n) FROM STDIN (FORMAT csv, HEADER);
t,id,n
"q ""u"", x",10,1.5
,11,2
"line
end",12,
\.
COPY c (id, t) FROM STDIN (FORMAT csv, DELIMITER '|', NULL 'nil', QUOTE '''');
41|nil
42|'nil'
43|''
\.
COPY c FROM STDIN;
51	\x41\102	abc	\N
\.
SELECT *, t IS NULL AS nothing FROM c ORDER BY id;
COPY c TO STDOUT (FORMAT csv);
COPY c (id, t) FROM STDIN;
x	a	b
\.
COPY c (id, t) FROM STDIN;
20
\.
COPY c (id, t) FROM STDIN;
x20	a
\.
COPY c (id, v) FROM STDIN;
21	abcd
\.
COPY c (id, t) FROM STDIN (FORMAT csv);
40,"abc
\.
COPY c (g) TO STDOUT;
CREATE VIEW cv AS SELECT id FROM c;
COPY cv TO STDOUT;
COPY c (id, g) FROM STDIN;
