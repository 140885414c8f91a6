-- Types that not every flavour has, as MySQL writes them. See README.md.
SET NAMES utf8mb4;
USE golden;
CREATE TABLE newer (
    id int NOT NULL PRIMARY KEY, vec vector(3), vec_one vector(1) NOT NULL DEFAULT (TO_VECTOR('[0]')),
    g geometry, line linestring, poly polygon, points multipoint, all_kinds geometrycollection, v int
);
INSERT INTO newer (id) VALUES (0);
INSERT INTO newer VALUES (1, TO_VECTOR('[1,-2.5,1e30]'), TO_VECTOR('[-1.5]'), ST_GeomFromText('POINT(0.1 -2)'),
    ST_GeomFromText('LINESTRING(0 0,1 1,2 0.30000000000000004)'), ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))'),
    ST_GeomFromText('MULTIPOINT(0 0,1 2)'), ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'), 1);
INSERT INTO newer VALUES (2, TO_VECTOR('[0.1,3e38,2e-38]'), TO_VECTOR('[7]'),
    ST_GeomFromText('POINT(10 20)', 4326), NULL,
    ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))'), NULL,
    ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),GEOMETRYCOLLECTION(LINESTRING(0 0,1 1)))'), 2);
INSERT INTO newer VALUES (3, NULL, TO_VECTOR('[0]'), ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))'),
    ST_GeomFromText('LINESTRING(1e300 5e-324,-1 -1)'), NULL, ST_GeomFromText('MULTIPOINT(3 4)'), NULL, 3);
UPDATE newer SET v = v + 1, vec_one = TO_VECTOR('[-0.25]') WHERE id IN (2, 3) ORDER BY id;
DELETE FROM newer WHERE id = 0;
