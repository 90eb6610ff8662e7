\echo == '\\d'
\d
\echo == '\\d+'
\d+
\echo == '\\d shop.*'
\d shop.*
\echo == '\\d shop.pet'
\d shop.pet
\echo == '\\d+ shop.pet'
\d+ shop.pet
\echo == '\\d shop.owner'
\d shop.owner
\echo == '\\d shop.old'
\d shop.old
\echo == '\\d+ shop.old'
\d+ shop.old
\echo == '\\d shop.number'
\d shop.number
\echo == '\\d shop.pet_name'
\d shop.pet_name
\echo == '\\d+ shop.pet_pkey'
\d+ shop.pet_pkey
\echo == '\\da array_agg'
\da array_agg
\echo == '\\dA'
\dA
\echo == '\\db'
\db
\echo == '\\dc utf8_to_koi8r'
\dc utf8_to_koi8r
\echo == '\\dconfig search_path'
\dconfig search_path
\echo == '\\dC+ boolean'
\dC+ boolean
\echo == '\\dd shop.*'
\dd shop.*
\echo == '\\dD shop.*'
\dD shop.*
\echo == '\\dD+ shop.*'
\dD+ shop.*
\echo == '\\ddp'
\ddp
\echo == '\\dE'
\dE
\echo == '\\des'
\des
\echo == '\\dew'
\dew
\echo == '\\det'
\det
\echo == '\\df shop.*'
\df shop.*
\echo == '\\df+ shop.double'
\df+ shop.double
\echo == '\\dfn shop.*'
\dfn shop.*
\echo == '\\dF'
\dF
\echo == '\\dFd'
\dFd
\echo == '\\dFp'
\dFp
\echo == '\\dFt'
\dFt
\echo == '\\dg'
\dg
\echo == '\\dg+'
\dg+
\echo == '\\di shop.*'
\di shop.*
\echo == '\\di+ shop.*'
\di+ shop.*
\echo == '\\dl'
\dl
\echo == '\\dL'
\dL
\echo == '\\dm'
\dm
\echo == '\\dn'
\dn
\echo == '\\dn+'
\dn+
\echo == '\\do &&'
\do &&
\echo == '\\dO "C"'
\dO "C"
\echo == '\\dp shop.*'
\dp shop.*
\echo == '\\z shop.pet'
\z shop.pet
\echo == '\\dP'
\dP
\echo == '\\drds'
\drds
\echo == '\\dRp'
\dRp
\echo == '\\dRs'
\dRs
\echo == '\\ds shop.*'
\ds shop.*
\echo == '\\ds+ shop.*'
\ds+ shop.*
\echo == '\\dt shop.*'
\dt shop.*
\echo == '\\dt+ shop.pet'
\dt+ shop.pet
\echo == '\\dT shop.*'
\dT shop.*
\echo == '\\dT+ shop.price'
\dT+ shop.price
\echo == '\\du'
\du
\echo == '\\du+'
\du+
\echo == '\\dv shop.*'
\dv shop.*
\echo == '\\dv+ shop.*'
\dv+ shop.*
\echo == '\\dx'
\dx
\echo == '\\dX'
\dX
\echo == '\\dy'
\dy
\echo == '\\l'
\l
\echo == '\\sf shop.double'
\sf shop.double
\echo == '\\sf+ shop.names'
\sf+ shop.names
\echo == '\\sv shop.old'
\sv shop.old
\echo == '\\sv+ shop.old'
\sv+ shop.old
\echo == '\\dS pg_am'
\dS pg_am
\echo == '\\d pg_class'
\d pg_class
\echo == '\\dtS pg_a*'
\dtS pg_a*
\echo == '\\lo_list'
\lo_list
\echo == '\\dAc btree_index integer'
\dAc btree_index integer
\echo == '\\dAf btree_index integer'
\dAf btree_index integer
\echo == '\\dAo btree_index integer_ops'
\dAo btree_index integer_ops
\echo == '\\dAp btree_index integer_ops'
\dAp btree_index integer_ops
