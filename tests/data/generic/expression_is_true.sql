{% test expression_is_true(model, expression) %}

select *
from {{ model }}
where coalesce(not ({{ expression }}), true)

{% endtest %}
